"""hexnote: hex dumps of TLS connections, annotated."""

__version__ = "0.1.0"
