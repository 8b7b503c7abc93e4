"""What people corrected by hand, checked before it replaces what the chain computed."""
