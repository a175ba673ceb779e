"""One wrong local rule: all that a person may write for a link of the chain instead of the right one."""
