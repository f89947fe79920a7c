//! Pure policy: what is allowed, what asks and whom, what is refused; the redactor and the secret scan.
