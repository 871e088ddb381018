"""Pages: reports as one HTML file each, that needs no network and whose texts cannot do harm."""
