"""Many people, made at once."""

from __future__ import annotations

from datetime import datetime

from tocsin.contacts.models import Contact, ContactGroup, ContactGroupMember, NotificationObject

_OBJECTS = 5000


def crowd(count: int, now: datetime, *, name: str = "Everybody") -> ContactGroup:
    """A group of contacts p0@example.org, p1@example.org..., as an import leaves them."""
    kind = NotificationObject.Kind
    objects = NotificationObject.objects.bulk_create(
        [NotificationObject(kind=kind.CONTACT) for _ in range(count)], batch_size=_OBJECTS
    )
    Contact.objects.bulk_create(
        [
            Contact(
                object=item, name=f"Person {number}", email=f"p{number}@example.org", created_at=now, updated_at=now
            )
            for number, item in enumerate(objects)
        ],
        batch_size=_OBJECTS,
    )
    group = ContactGroup.objects.create(
        object=NotificationObject.objects.create(kind=kind.GROUP), name=name, created_at=now
    )
    ContactGroupMember.objects.bulk_create(
        [ContactGroupMember(group=group, contact_id=item.pk) for item in objects], batch_size=_OBJECTS
    )
    return group
