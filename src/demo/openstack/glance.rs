//! The image service: images by visibility, with their properties beside their fields.

use serde_json::{Value, json};

use super::api::{Call, Outcome, Refusal, answer};
use super::dates;
use super::world::{Image, World};

/// Answers a call below `/image`.
pub fn answer_call(call: &Call<'_>) -> Outcome {
    match (call.request.method.as_str(), call.path.as_slice()) {
        ("GET", ["v2", "images"]) => images(call),
        _ => Err(Refusal::no_path()),
    }
}

fn images(call: &Call<'_>) -> Outcome {
    let caller = call.caller()?;
    let hidden = call.parameter("os_hidden").is_some_and(|text| text == "true");
    let rows = call.with(|world| {
        let is_admin = caller.is_admin(world);
        let all = is_admin && call.parameter("visibility") == Some("all");
        let seen = world.images.iter().filter(|image| {
            let own = caller.project() == Some(image.owner);
            // None of the region's images is hidden.
            !hidden && image.life.holds(call.now) && (image.public || own || all)
        });
        seen.map(|image| row(world, image)).collect()
    });
    let page = call.page(rows, "id")?;
    let mut body = json!({
        "images": page.rows, "first": "/v2/images", "schema": "/v2/schemas/images",
    });
    // Relative to the service.
    let next = page.next.as_deref().and_then(|next| next.split_once("/image"));
    if let Some((_, next)) = next {
        body["next"] = json!(next);
    }
    Ok(answer(200, &body))
}

fn row(world: &World, image: &Image) -> Value {
    let own = format!("/v2/images/{}", image.id);
    let digest = image.id.replace('-', "");
    let mut row = json!({
        "name": image.name, "disk_format": "raw", "container_format": "bare",
        "visibility": if image.public { "public" } else { "private" },
        "size": image.bytes, "virtual_size": image.bytes, "status": "active",
        "checksum": digest, "protected": false, "min_ram": 0, "min_disk": 0,
        "owner": world.projects[image.owner].id, "os_hidden": false, "os_hash_algo": "sha512",
        "os_hash_value": digest.repeat(4), "id": image.id,
        "created_at": dates::zulu(image.life.from), "updated_at": dates::zulu(image.life.from),
        "tags": [], "self": own, "file": format!("{own}/file"), "schema": "/v2/schemas/image",
        "stores": "file",
    });
    if let Some((distro, version, kind)) = &image.system {
        row["os_distro"] = json!(distro);
        row["os_version"] = json!(version);
        row["os_type"] = json!(kind);
    }
    if let Some(base) = image.base {
        row["base_image_ref"] = json!(world.images[base].id);
        row["image_type"] = json!("snapshot");
    }
    row
}
