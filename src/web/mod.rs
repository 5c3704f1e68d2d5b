//! The HTTP shell: API, pages, sign-in. No domain logic.
