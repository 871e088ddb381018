"""What is wrong with a release and its annotations."""
