"""When to write: the loop, and the plug-ins that decide where, how much and in what order."""
