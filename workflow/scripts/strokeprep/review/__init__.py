"""What people say of the steps of each case: kept, compared, and heeded by the release."""
