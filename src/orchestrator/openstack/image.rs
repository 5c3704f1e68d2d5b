//! Images: which guest system runs, told by properties that tenants cannot forge. PURE.
//!
//! Tenants may set and strip properties of their own images; licences follow only those of
//! public images and of the installation's own. A tenant's image that was made from such a one
//! (a snapshot) has the system of its base.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::json;
use crate::collect::record::{Attributes, attribute};

/// `os_distro` as the images' metadata catalogue spells it, and the family as invoices name it.
const FAMILIES: [(&str, &str); 14] = [
    ("almalinux", "AlmaLinux"),
    ("centos", "CentOS"),
    ("debian", "Debian"),
    ("fedora", "Fedora"),
    ("freebsd", "FreeBSD"),
    ("ol", "Oracle"),
    ("opensuse", "SUSE"),
    ("oraclelinux", "Oracle"),
    ("rhel", "RedHat"),
    ("rocky", "Rocky"),
    ("sled", "SUSE"),
    ("sles", "SUSE"),
    ("ubuntu", "Ubuntu"),
    ("windows", "Windows"),
];

/// All images by id, with what is needed to tell a system.
#[derive(Clone, Debug, Default)]
pub struct Images(BTreeMap<String, Known>);

#[derive(Clone, Debug)]
struct Known {
    trusted: bool,
    base: Option<String>,
    distro: Option<String>,
    version: Option<String>,
    system: Option<String>,
}

impl Images {
    /// From the list of images and the ids of the installation's own projects.
    pub fn new(rows: &[Value], internal: &BTreeSet<String>) -> Self {
        let known = |row: &Value| {
            let field = |name: &str| json::text(row, name);
            let owned = field("owner").is_some_and(|owner| internal.contains(&owner));
            let known = Known {
                trusted: owned || field("visibility").as_deref() == Some("public"),
                base: field("base_image_ref"),
                distro: field("os_distro"),
                version: field("os_version"),
                system: field("os_type"),
            };
            Some((field("id")?, known))
        };
        Self(rows.iter().filter_map(known).collect())
    }

    /// Adds the guest system of an image to attributes, where it can be trusted.
    pub fn add_system(&self, attributes: &mut Attributes, image: &str) {
        let own = self.0.get(image);
        let trusted = |known: &&Known| known.trusted;
        let base = own.and_then(|own| own.base.as_ref()).and_then(|base| self.0.get(base));
        let Some(known) = own.filter(trusted).or(base.filter(trusted)) else { return };
        let Some((family, name)) = known.system() else { return };
        attributes.insert(attribute::OS.to_owned(), name);
        attributes.insert(attribute::OS_CATEGORY.to_owned(), family);
    }
}

impl Known {
    /// Family and full name.
    fn system(&self) -> Option<(String, String)> {
        let told = self.distro.as_ref().or(self.system.as_ref())?;
        let lower = told.to_lowercase();
        let family = FAMILIES.iter().find(|(distro, _)| *distro == lower);
        let family = family.map_or_else(|| told.clone(), |(_, family)| (*family).to_owned());
        let name = match &self.version {
            Some(version) => format!("{family} {version}"),
            None => family.clone(),
        };
        Some((family, name))
    }
}
