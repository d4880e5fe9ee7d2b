"""How files come: listing, download, acknowledgement, drop folders."""
