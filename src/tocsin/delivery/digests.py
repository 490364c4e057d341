"""Messages that stand for several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import connection

from tocsin.alerts.common_labels import labels_in_common_of_all
from tocsin.channels.kinds import Channel
from tocsin.delivery.contents import ContentText
from tocsin.delivery.models import Content
from tocsin.delivery.queue_rows import QueueRow
from tocsin.delivery.render import render_digest
from tocsin.delivery.summaries import summaries, told_alerts


def write_digests(merged: Mapping[int, Sequence[QueueRow]]) -> dict[int, ContentText]:
    """Gives each surviving delivery (id -> the rows it stands for) one text that names them all; returns the texts."""
    if not merged:
        return {}
    told = told_alerts(list(merged))
    known = summaries({alert_id: cause for alerts in told.values() for alert_id, cause in alerts.items()})
    contents = []
    for survivor, rows in merged.items():
        alerts = [known[alert_id] for alert_id in told[survivor] if alert_id in known]
        common = labels_in_common_of_all(told[survivor]) if len(alerts) > 1 else {}
        text = render_digest(alerts, Channel(rows[0].channel), language=rows[0].language, time_zone="", common=common)
        contents.append(
            Content(subject=text.subject, text=text.text, html=text.html, markdown=text.markdown, data=text.data)
        )
    Content.objects.bulk_create(contents)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_delivery d SET content_id = u.content_id,
                stands_for = 1 + (SELECT count(*) FROM delivery_delivery m WHERE m.merged_into_id = d.id)
            FROM unnest(%s::bigint[], %s::bigint[]) AS u(id, content_id) WHERE d.id = u.id
            """,
            [list(merged), [content.pk for content in contents]],
        )
    return {
        survivor: ContentText(content.subject, content.text, content.html, content.markdown, content.data)
        for survivor, content in zip(merged, contents, strict=True)
    }
