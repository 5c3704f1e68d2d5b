//! Records against metered, billed and the inventory of the orchestrator.
