"""The server's side of the agents: enrolment, what each store is to run, what its agent tells."""
