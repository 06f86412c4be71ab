"""Words of ours in the schema of a type while it is made. None is left in one that is done."""

NO = "x-cannot-be-honoured"  # why not
MADE = "x-made-for-a-path"  # what only leads to a field
OF_INT = "x-made-of-int"  # an enum whose members a string of digits is read as, where it is a key
