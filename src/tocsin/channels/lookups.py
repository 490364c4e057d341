"""A question to the directory of an account, opened for it alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import cast

from django.conf import settings

from tocsin.channels.directory import Directory, DirectoryProvider, Sought
from tocsin.channels.http import HttpClient
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import config_of, kind_of
from tocsin.core.sentences import Sentence

logger = logging.getLogger(__name__)

_LONGEST = 25.0
"""Seconds; somebody waits for the page."""
_SLOW = Sentence("The directory took too long to answer; look up fewer contacts at once.")
_FAILED = Sentence("The directory's answer could not be read.")


def find_in_directory(account: ProviderAccount, people: Sequence[Sought]) -> Directory:
    """For accounts whose provider `looks_up`."""
    return asyncio.run(_find(account, people))


async def _find(account: ProviderAccount, people: Sequence[Sought]) -> Directory:
    http = HttpClient(allow=settings.OUTGOING_ALLOW)
    everybody = frozenset(person.key for person in people)
    try:
        provider = cast(DirectoryProvider, kind_of(account).open(config_of(account), http))
        try:
            async with asyncio.timeout(_LONGEST):
                return await provider.find(people)
        except TimeoutError:
            return Directory(unasked=everybody, problem=_SLOW)
        except Exception:
            logger.exception("the directory of account %d could not be asked", account.pk)
            return Directory(unasked=everybody, problem=_FAILED)
        finally:
            await provider.aclose()
    finally:
        await http.aclose()
