"""The mistakes that a wrong gradient may hold, and the diagnosis: the simplest that explains it."""
