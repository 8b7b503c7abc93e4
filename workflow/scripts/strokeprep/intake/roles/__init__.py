"""What each stack is: a kind of scan that the chain takes, or nothing of these."""
