//! Readings of resources are bounded, over all clients: so many at a time, so many that wait for their turn, and no more.

use crate::world::World;
use regatta::commands::mcp::desk::{Arguments, Desk, Refused};
use regatta::commands::mcp::offer::Offer;
use regatta::commands::mcp::server::{Server, Shared};
use regatta::context::Context;
use rmcp::ServiceExt as _;
use rmcp::model::{
    CallToolResult, GetPromptResult, JsonObject, Prompt, ReadResourceRequestParams, Resource,
    ResourceContents, ResourceTemplate, Tool,
};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// How many read now, how many did at once at most, and whether they may end.
#[derive(Default)]
struct Gate(Mutex<(usize, usize, bool)>, Condvar);

impl Gate {
    fn pass(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 += 1;
        state.1 = state.1.max(state.0);
        self.1.notify_all();
        let mut state = self.1.wait_while(state, |(_, _, open)| !*open).unwrap();
        state.0 -= 1;
    }

    /// When somebody reads.
    fn open(&self) -> usize {
        let state = self.0.lock().unwrap();
        let mut state = self.1.wait_while(state, |(now, ..)| *now == 0).unwrap();
        state.2 = true;
        self.1.notify_all();
        state.1
    }
}

/// Offers a resource that takes as long as the test wants.
struct Slow(Arc<Gate>);

impl Offer for Slow {
    fn tools(&self) -> Vec<Tool> {
        Vec::new()
    }

    fn tool(&self, _: &str) -> Option<Tool> {
        None
    }

    fn call(&self, _: &str, _: &Desk<'_>, _: Arguments) -> Result<CallToolResult, Refused> {
        Err(Refused::new("there is no tool"))
    }

    fn resources(&self, _: &Context) -> Result<Vec<Resource>, Refused> {
        Ok(Vec::new())
    }

    fn templates(&self) -> Vec<ResourceTemplate> {
        Vec::new()
    }

    fn read(&self, _: &Context, uri: &str) -> Result<Option<ResourceContents>, Refused> {
        self.0.pass();
        Ok(Some(ResourceContents::text("read", uri)))
    }

    fn prompts(&self) -> Vec<Prompt> {
        Vec::new()
    }

    fn prompt(&self, _: &str, _: Option<&JsonObject>) -> Option<GetPromptResult> {
        None
    }
}

#[test]
fn readings_wait_for_their_turn_and_one_too_many_is_told_to_try_again() {
    let (world, gate) = (World::new(), Arc::<Gate>::default());
    let context = Context::read(Some(world.root())).unwrap();
    let shared = Shared::new(context, Slow(Arc::clone(&gate)), Duration::from_secs(45));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let served = tokio::spawn(async move { Server::new(Arc::new(shared)).serve(theirs).await.unwrap() });
        let client = ().serve(ours).await.unwrap();
        let server = served.await.unwrap();
        let mut asked = JoinSet::new();
        for n in 0..100 {
            let peer = client.peer().clone();
            let params = ReadResourceRequestParams::new(format!("slow://{n}"));
            asked.spawn(async move { peer.read_resource(params).await.map(drop) });
        }
        // Nobody is through before the gate is opened, so these are refused.
        for _ in 0..28 {
            let refused = asked.join_next().await.unwrap().unwrap().unwrap_err().to_string();
            assert!(refused.contains("64 readings wait for their turn; try again"), "{refused}");
        }
        let at_once = gate.open();
        assert!((1..=8).contains(&at_once), "{at_once} at once");
        assert!(asked.join_all().await.into_iter().all(|read| read.is_ok()));
        client.cancel().await.unwrap();
        drop(server);
    });
}
