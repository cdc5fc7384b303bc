"""Whether the quick ways are taken: every room has a general way that says what is right.

`HEXNOTE_SLOW=1` in the environment switches the quick ones off; a test holds both equal.
"""

from __future__ import annotations

import os

QUICK = os.environ.get("HEXNOTE_SLOW", "") in ("", "0")
