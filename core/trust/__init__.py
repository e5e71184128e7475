"""What both ends of the line between a control plane and its stores' agents know: the forms of what they say, names of targets, sealing."""
