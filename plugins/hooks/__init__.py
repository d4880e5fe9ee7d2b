"""One hook per kind of remote system."""
