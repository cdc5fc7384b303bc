"""What the environment says of how hexnote works, for those who work on it.

`HEXNOTE_SLOW=1` switches the quick ways off: every room has a general way that says what is right; a test holds both equal.
`HEXNOTE_STRICT=1` has a mistake of our own end the run, as the tests want it; else it costs as little as can be: a finding, the
notes on a packet.
"""

from __future__ import annotations

import os

STRICT = bool(os.environ.get("HEXNOTE_STRICT"))
QUICK = os.environ.get("HEXNOTE_SLOW", "") in ("", "0")
