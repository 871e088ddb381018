"""Versions on the Hub: the card, the licence guard, and the one repository that is spoken to."""
