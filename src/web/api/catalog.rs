//! `/api/v1/catalog`: offerings, templates and zones as discovered, for staff.

use std::collections::BTreeMap;

use actix_web::web;
use serde::{Deserialize, Serialize};

use super::json::{Meta, cut};
use crate::catalog::store::load_history;
use crate::ids::SourceName;
use crate::orchestrator::{CatalogItem, ItemKind};
use crate::store::Conn;
use crate::store::codec::enum_text;
use crate::web::error::{ApiError, ErrorBody};
use crate::web::extract::{Paging, Staff, cursor_of};
use crate::web::state::State;

/// What the list is cut by.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CatalogQuery {
    /// A source's name; all when absent.
    pub source: Option<String>,
    /// `service_offering`, `disk_offering`, `network_offering`, `vpc_offering`,
    /// `backup_offering`, `template`, `zone` or `resource`; all but resources when absent.
    pub kind: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct CatalogList {
    pub items: Vec<CatalogItemJson>,
    pub meta: Meta,
}

/// A discovered item, in its last known state.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = CatalogItem)]
pub struct CatalogItemJson {
    pub source: String,
    pub kind: String,
    pub id: String,
    pub name: String,
    pub attributes: BTreeMap<String, String>,
}

/// Where a page begins: source, kind and id of the last row before.
type Place = (String, String, String);

async fn load_items(
    conn: &mut Conn,
    sources: Vec<SourceName>,
    kind: Option<&str>,
    now: i64,
) -> Result<BTreeMap<Place, CatalogItem>, ApiError> {
    let mut items = BTreeMap::new();
    for source in sources {
        let history = load_history(conn, &source, now).await?;
        for ((item_kind, id), states) in history.items {
            let text = enum_text(&item_kind);
            let wanted = match kind {
                Some(kind) => kind == text,
                None => item_kind != ItemKind::Resource,
            };
            if let Some((_, item)) = states.into_iter().next_back().filter(|_| wanted) {
                items.insert((source.0.clone(), text, id), item);
            }
        }
    }
    Ok(items)
}

/// Lists discovered items, ascending by source, kind and id.
#[utoipa::path(
    get, path = "/api/v1/catalog", tag = "catalog", params(CatalogQuery, Paging),
    responses((status = 200, body = CatalogList), (status = 403, body = ErrorBody))
)]
pub async fn list(
    state: web::Data<State>,
    _caller: Staff,
    query: web::Query<CatalogQuery>,
    paging: web::Query<Paging>,
) -> Result<web::Json<CatalogList>, ApiError> {
    let (limit, after) = (paging.rows()?, paging.after::<Place>()?);
    let all = state.app.orchestrators.iter().map(|orchestrator| orchestrator.source().clone());
    let wanted = |source: &SourceName| query.source.as_ref().is_none_or(|name| *name == source.0);
    let sources: Vec<SourceName> = all.filter(wanted).collect();
    let mut conn = state.app.db.read().await?;
    let items = load_items(&mut conn, sources, query.kind.as_deref(), state.now()).await?;
    let beyond = |place: &Place| after.as_ref().is_none_or(|after| place > after);
    let mut items: Vec<(Place, CatalogItem)> =
        items.into_iter().filter(|(place, _)| beyond(place)).collect();
    let more = cut(&mut items, limit);
    let next = items.last().filter(|_| more).map(|(place, _)| cursor_of(place));
    let items = items.into_iter().map(|((source, kind, id), item)| CatalogItemJson {
        source,
        kind,
        id,
        name: item.name,
        attributes: item.attributes,
    });
    Ok(web::Json(CatalogList { items: items.collect(), meta: Meta { next } }))
}
