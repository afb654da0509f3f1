"""Pages of dreaming and reviewing: home, inbox, proposals, dreams."""
