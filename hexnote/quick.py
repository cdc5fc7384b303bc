"""Whether the quick ways are taken: every room has a general way that says what is right.

`HEXNOTE_SLOW=1` in the environment switches the quick ones off; a test holds both equal.
"""

from __future__ import annotations

import os

# Whether a mistake of our own ends the run, for tests; else it costs as little as can be: a finding, the notes on a packet.
STRICT = bool(os.environ.get("HEXNOTE_STRICT"))
QUICK = os.environ.get("HEXNOTE_SLOW", "") in ("", "0")
