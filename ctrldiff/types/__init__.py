"""Python types: as schemas, as questions, and as values again."""
