"""What the worker says of a try: kept in English, recognised where it is shown, so pages know these sentences too."""

from __future__ import annotations

from tocsin.core.sentences import Sentence

NOT_OPENED = Sentence("The account could not be opened: %(problem)s.")
NO_RESULT = Sentence("The provider gave no result in 60 seconds.")
FAULT = Sentence("The provider failed: %(problem)s.")
TAKEN_BEFORE = Sentence("The provider had taken the try before; nothing was sent again.")
WORKER_ENDED = Sentence("The worker ended before the reply was recorded.")
CODED = Sentence("%(code)s: %(detail)s", words=("detail",))
RESTS = Sentence("%(name)s rests: %(why)s", words=("why",))
LIMITED = Sentence("%(name)s takes no more for now, since its limit is reached")

FOUND = "found"
"""The code of an attempt that sent nothing, since the one before had been taken."""
