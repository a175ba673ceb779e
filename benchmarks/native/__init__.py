"""Value and gradient as machine code, beside C written by hand and beside other libraries."""
