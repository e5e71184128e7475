"""The HTTP API, version 1: routes are declared, one file a resource; what all share (who asks, paging, problems, repeats) stands here."""
