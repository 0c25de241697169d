//! What clients of `regatta mcp` hear of a run that a full disk broke off. Needs the right to mount a tmpfs, as `disk` does.

use crate::disk::Small;
use crate::mcp::Client;
use crate::world::World;
use serde_json::json;

#[test]
fn a_client_hears_that_the_disk_is_full_and_is_sent_to_resume_only_when_there_is_room() {
    let world = World::new();
    let Some(small) = Small::mount(&world.path("small")) else { return };
    let here = world.root().display().to_string();
    let workspace = world.path("small").display().to_string();
    let mut client = Client::start(&world, &["mcp", "--workspace", &workspace], json!({}));
    let cmd = format!("test -e {here}/go || {{ cat /dev/zero >filler; exit 1; }}");
    let request = json!({ "tasks": [ { "id": "a", "tool": "shell", "params": { "cmd": cmd } } ] });
    let said = client.call("parallel_execute", request);
    assert_eq!((&said["state"], &said["next"]), (&json!("interrupted"), &json!(null)), "{said:#}");
    let hint = said["hint"].as_str().unwrap();
    assert!(
        hint.contains("the disk is full") && hint.contains("small") && hint.contains("make room first"),
        "{hint}"
    );
    let refused = client.call("run_resume", json!({}));
    assert!(refused["error"]["message"].as_str().unwrap().contains("the disk is full"), "{refused:#}");
    let waited = client.call("run_wait", json!({ "wait_ms": 10 }));
    assert!(waited["hint"].as_str().unwrap().contains("the disk is full"), "{waited:#}");
    small.free();
    world.write("go", "");
    let waited = client.call("run_wait", json!({ "wait_ms": 10 }));
    assert_eq!(waited["next"]["tool"], "run_resume", "{waited:#}");
    let resumed = client.call("run_resume", json!({}));
    assert!(resumed["said"].as_str().unwrap().contains("goes on"), "{resumed:#}");
    let ended = client.call("run_wait", json!({}));
    assert_eq!(ended["result"]["tasks"]["a"]["status"], "success", "{ended:#}");
}
