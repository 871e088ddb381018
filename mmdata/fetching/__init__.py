"""Getting what a source consists of: files by URL, whole and verified or not there at all."""
