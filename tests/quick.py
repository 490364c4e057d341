"""What costs a server little and a run of thousands of tests much, made cheap for the tests: all that they change."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class OnePassHasher(PBKDF2PasswordHasher):
    """The hash that users have, of one pass: theirs takes most of a second, which is its purpose."""

    iterations = 1


SETTINGS = {
    "PASSWORD_HASHERS": [f"{__name__}.OnePassHasher"],
    # Looks for a static file when one is asked for, instead of reading all of them for each test client.
    "WHITENOISE_AUTOREFRESH": True,
}
