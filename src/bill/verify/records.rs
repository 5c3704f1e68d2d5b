//! The usage records behind a document against the pages that brought them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Verdict, Verifier};
use crate::bill::explain::raw_page;
use crate::bill::store::ChainRow;
use crate::collect::import::{Imported, rows_on_page};
use crate::collect::record::{StoredRecord, UsageRecord};
use crate::collect::store::{
    EvidencePage, IMPORT, attribute_set_id, load_attribute_sets, load_evidence,
};
use crate::store::codec::to_json;
use crate::store::{Conn, StoreError};

/// What a page says of one of its records.
pub(super) enum Words {
    Reported(UsageRecord),
    Imported(Box<Imported>),
}

impl Words {
    /// Whether a stored record is what the page says.
    fn say(&self, record: &StoredRecord) -> bool {
        let said = match self {
            Self::Reported(said) => said,
            Self::Imported(row) => return row.says(record),
        };
        let key = &record.key;
        (&said.owner, &said.meter, &said.resource) == (&key.owner, &key.meter, &key.resource)
            && (said.span.from, said.span.until) == (key.from, record.until)
            && (said.kind, &said.quantity) == (record.kind, &record.quantity)
            && attribute_set_id(&to_json(&said.attributes)).0 == record.attribute_set
    }
}

/// What a page says of each of its records, by position.
pub(super) type Said = BTreeMap<usize, Words>;

impl Verifier<'_> {
    /// Each record behind the document against its page of evidence.
    pub(super) async fn records(
        &mut self,
        conn: &mut Conn,
        row: &ChainRow,
        records: &[StoredRecord],
    ) -> Result<(), StoreError> {
        let mut named: BTreeSet<i64> = BTreeSet::new();
        for record in records {
            self.result.records += 1;
            if let Some(what) = self.evidence(conn, record).await?
                && named.insert(record.evidence)
            {
                let verdict = match what.starts_with("archived") {
                    true => Verdict::EvidenceArchived,
                    false => Verdict::Tampered,
                };
                self.note(&row.number, verdict, what);
            }
        }
        self.attributes(conn, row, records).await
    }

    /// Attribute sets are named by their hash.
    async fn attributes(
        &mut self,
        conn: &mut Conn,
        row: &ChainRow,
        records: &[StoredRecord],
    ) -> Result<(), StoreError> {
        let ids: BTreeSet<i64> = records.iter().map(|record| record.attribute_set).collect();
        let ids: Vec<i64> = ids.into_iter().filter(|id| !self.sets.contains(id)).collect();
        for (id, attributes) in load_attribute_sets(conn, &ids).await? {
            if attribute_set_id(&to_json(&attributes)).0 == id {
                self.sets.insert(id);
                continue;
            }
            let record = records.iter().find(|record| record.attribute_set == id);
            let name = record.map_or("", |record| record.key.resource.as_str());
            self.tampered(row, format!("the attributes {id} of {name} were changed"));
        }
        Ok(())
    }

    /// What is wrong with a record's evidence: bytes without their hash, or other words in it.
    async fn evidence(
        &mut self,
        conn: &mut Conn,
        record: &StoredRecord,
    ) -> Result<Option<String>, StoreError> {
        if !self.pages.contains_key(&record.evidence) {
            let page = match load_evidence(conn, record.evidence).await {
                Ok(page) => page,
                Err(StoreError::Corrupt { .. }) => {
                    return Ok(Some(format!("evidence page {} was changed", record.evidence)));
                }
                Err(error) => return Err(error),
            };
            self.result.pages += 1;
            let read = page.map(|page| self.read(&page));
            self.pages.insert(record.evidence, read);
        }
        let Some(page) = self.pages.get(&record.evidence) else { return Ok(None) };
        let Some(records) = page else {
            return Ok(Some(format!("archived: evidence page {} is gone", record.evidence)));
        };
        // Corrected revisions are not re-read from pages, nor what no adapter can read any more.
        let corrected = record.key.revision > 0 && !record.key.is_imported();
        if records.is_empty() || corrected {
            return Ok(None);
        }
        let index = usize::try_from(record.evidence_index).unwrap_or(usize::MAX);
        let same = records.get(&index).is_some_and(|said| said.say(record));
        Ok((!same).then(|| {
            format!(
                "record {} {} at {} differs from row {index} of evidence page {}",
                record.key.meter, record.key.resource, record.key.from, record.evidence
            )
        }))
    }

    /// The records that a page says, by the adapter that brought it.
    fn read(&self, page: &EvidencePage) -> Said {
        if page.source == IMPORT {
            let rows = rows_on_page(&page.request, &page.body).into_iter();
            return rows.map(|(index, row)| (index, Words::Imported(Box::new(row)))).collect();
        }
        let orchestrator = self.orchestrators.iter().find(|one| one.source().0 == page.source);
        let parsed = orchestrator.and_then(|one| one.parse_usage(&raw_page(page)).ok());
        let good = parsed.into_iter().flatten().filter_map(|one| {
            let index = one.index;
            one.outcome.ok().map(|record| (index, Words::Reported(record)))
        });
        good.collect()
    }
}
