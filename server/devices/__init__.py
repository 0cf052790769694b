"""Who is enrolled and what they may do: `identity`, `enrolment`, `access`, `lastcontact`."""
