"""Native code: a recording lowered to loops, the loops to machine code, and the call that costs next to nothing."""
