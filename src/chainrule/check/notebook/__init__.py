"""The claims that a notebook makes: found, judged, and led back to their causes."""
