//! Tests of sellers, customers, owners.
