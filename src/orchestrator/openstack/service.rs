//! The services that are asked, under which names a catalogue has them, and in which version.

use reqwest_session::Url;

/// A service of the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    Identity,
    Compute,
    BlockStorage,
    Image,
    Network,
    LoadBalancer,
    Share,
    ObjectStore,
    Metric,
    MetricStorage,
}

impl Service {
    /// All that are found by the catalogue.
    pub const CATALOGUED: [Self; 9] = [
        Self::Compute,
        Self::BlockStorage,
        Self::Image,
        Self::Network,
        Self::LoadBalancer,
        Self::Share,
        Self::ObjectStore,
        Self::Metric,
        Self::MetricStorage,
    ];

    /// Its types in catalogues, the usual first.
    pub fn types(self) -> &'static [&'static str] {
        match self {
            Self::Identity => &["identity"],
            Self::Compute => &["compute"],
            Self::BlockStorage => &["block-storage", "volumev3", "block-store", "volume"],
            Self::Image => &["image"],
            Self::Network => &["network"],
            Self::LoadBalancer => &["load-balancer", "octavia"],
            Self::Share => &["shared-file-system", "sharev2", "share"],
            Self::ObjectStore => &["object-store"],
            Self::Metric => &["metric"],
            Self::MetricStorage => &["metric-storage"],
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        self.types()[0]
    }

    /// The version in its path, where the catalogue gives an address without one.
    pub fn path_version(self) -> Option<&'static str> {
        match self {
            Self::Identity | Self::BlockStorage => Some("v3"),
            Self::Compute => Some("v2.1"),
            Self::Image | Self::LoadBalancer | Self::Share => Some("v2"),
            Self::Network => Some("v2.0"),
            Self::Metric => Some("v1"),
            Self::ObjectStore | Self::MetricStorage => None,
        }
    }

    /// The microversion whose answers this adapter reads: later ones drop or move fields.
    pub fn pinned(self) -> Option<Microversion> {
        match self {
            Self::Compute => Some(Microversion(2, 96)),
            Self::BlockStorage => Some(Microversion(3, 70)),
            Self::Share => Some(Microversion(2, 65)),
            _ => None,
        }
    }

    /// The least microversion that tells what billing needs: the embedded flavor with its
    /// extra specs and the instant of an action's end; the volume's project.
    pub fn least(self) -> Option<Microversion> {
        match self {
            Self::Compute => Some(Microversion(2, 61)),
            Self::BlockStorage => Some(Microversion(3, 0)),
            Self::Share => Some(Microversion(2, 7)),
            _ => None,
        }
    }

    /// The header that asks for a microversion.
    pub fn header(self, version: Microversion) -> Option<(&'static str, String)> {
        let Microversion(major, minor) = version;
        match self {
            Self::Compute => Some(("OpenStack-API-Version", format!("compute {major}.{minor}"))),
            Self::BlockStorage => {
                Some(("OpenStack-API-Version", format!("volume {major}.{minor}")))
            }
            Self::Share => Some(("X-OpenStack-Manila-API-Version", format!("{major}.{minor}"))),
            _ => None,
        }
    }
}

/// A microversion: major and minor, compared as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Microversion(pub u16, pub u16);

impl Microversion {
    /// Reads `2.96`.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim_start_matches('v').split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl std::fmt::Display for Microversion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Where a service is called, and how.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// With the version, and with the project where the catalogue has it; no slash at the end.
    pub base: String,
    /// The same up to the version: what is asked about versions.
    pub root: String,
    /// The microversion to ask for.
    pub version: Option<Microversion>,
    /// The greatest one that the service knows.
    pub newest: Option<Microversion>,
}

/// The address of a service with its version, from what the catalogue says: the version is kept
/// where there is one (`…/v3/PROJECT`, `…/v2.1`), else added.
pub fn versioned(service: Service, address: &Url) -> Endpoint {
    let origin = address.origin().ascii_serialization();
    let path = address.path();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let is_version = |segment: &&str| {
        let digits = segment.strip_prefix('v');
        digits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let join = |segments: &[&str]| {
        let parts = std::iter::once(origin.as_str()).chain(segments.iter().copied());
        parts.collect::<Vec<&str>>().join("/")
    };
    let (base, root) = match (segments.iter().rposition(is_version), service.path_version()) {
        (Some(at), _) => (join(&segments), join(&segments[..=at])),
        (None, Some(version)) => {
            let base = format!("{}/{version}", join(&segments));
            (base.clone(), base)
        }
        (None, None) => (join(&segments), join(&segments)),
    };
    Endpoint { base, root, version: None, newest: None }
}
