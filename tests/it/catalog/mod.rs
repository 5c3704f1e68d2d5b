//! Tests of price books and the catalogue.
