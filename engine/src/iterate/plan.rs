//! What a recursion was described to be, and the differential dataflow that it becomes.
//!
//! All keys are 128-bit hashes and all rows are records, so that differential's operators are
//! compiled here and nowhere else.

use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::operators::iterate::VecVariable;
use differential_dataflow::trace::implementations::{ValBuilder, ValSpine};
use differential_dataflow::{AsCollection, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::scope::Iterative;
use timely::dataflow::{Scope, Stream};
use timely::order::Product;

use crate::dataflow::Time;
use crate::delta::{Delta, Weight};
use crate::graph::executor::Packet;
use crate::graph::operators::{ErasedGroup, GroupLogic, PairLogic, RowLogic};
use crate::graph::{Met, NodeId, Region};
use crate::record::Rec;

/// A moment inside a region: epoch and round of the engine, and round of the recursion.
pub type Moment = Product<Time, u64>;

/// A differential collection of the rows of a relation.
pub type Rows<'s> = VecCollection<'s, Moment, Rec, Weight>;

/// Rows with times, on their way into a region.
pub(crate) type Entering<'s> = Stream<'s, Time, Vec<(Rec, Time, Weight)>>;

type Spine = ValSpine<u128, Rec, Moment, Weight>;
type Keyed<'s> = Arranged<'s, TraceAgent<Spine>>;
type Custom = Box<dyn for<'s> FnOnce(Rows<'s>) -> Rows<'s>>;

type Choice = Box<dyn Fn(&ErasedGroup<'_>, &mut Vec<(Rec, Weight)>)>;

/// A step's place in its plan.
pub(crate) type StepId = usize;

/// One operator of a recursion; it reads steps before it.
pub(crate) enum Step {
    /// What the last step gave in the round before; in the first round, the rows of this step.
    Start(StepId),
    /// The rows that came in on this port.
    Enter(usize),
    FlatMap {
        input: StepId,
        logic: RowLogic,
    },
    Negate(StepId),
    Concat(Vec<StepId>),
    Arrange {
        input: StepId,
        key: Box<dyn Fn(&Rec) -> u128>,
    },
    Join {
        left: StepId,
        right: StepId,
        logic: PairLogic,
    },
    Semijoin {
        left: StepId,
        right: StepId,
        anti: bool,
    },
    Distinct(StepId),
    Reduce {
        input: StepId,
        logic: GroupLogic,
    },
    Differential {
        input: StepId,
        logic: Custom,
    },
}

/// The steps of a recursion.
#[derive(Default)]
pub(crate) struct Plan {
    pub steps: Vec<Step>,
    pub result: StepId,
}

/// What a step gives.
struct Made<'s> {
    rows: Rows<'s>,
    keyed: Option<Keyed<'s>>,
}

/// Builds the dataflow of a region; what leaves it are packets for the node behind it.
pub(crate) fn build<'s>(
    outer: Scope<'s, Time>,
    region: Region,
    entering: Vec<Entering<'s>>,
) -> Stream<'s, Time, Vec<Packet>> {
    let rows = outer.scoped::<Moment, _, _>("region", |inner| {
        let entered = entering.into_iter().map(|stream| stream.as_collection().enter(inner)).collect();
        plant(inner, region.plan, entered, &region.met).leave(outer)
    });
    leave(rows, region.exit, outer.index())
}

/// Turns the rows of each moment into a packet for `node`, at that moment.
fn leave<'s>(
    rows: VecCollection<'s, Time, Rec, Weight>,
    node: NodeId,
    worker: usize,
) -> Stream<'s, Time, Vec<Packet>> {
    rows.inner.unary::<CapacityContainerBuilder<Vec<Packet>>, _, _, _>(
        Pipeline,
        "leave",
        move |_capability, _info| {
            move |input, output| {
                input.for_each(|capability, rows| {
                    // A message may hold rows of later moments than its own.
                    rows.sort_by_key(|(_, time, _)| *time);
                    for rows in rows.chunk_by(|a, b| a.1 == b.1) {
                        let at = capability.delayed(&rows[0].1, 0);
                        let rows: Delta =
                            rows.iter().map(|(rec, _, weight)| (rec.clone(), *weight)).collect();
                        output.session(&at).give(Packet { worker, node, port: 0, rows });
                    }
                });
            }
        },
    )
}

fn plant<'s>(scope: Iterative<'s, Time, u64>, plan: Plan, entered: Vec<Rows<'s>>, met: &Met) -> Rows<'s> {
    let mut made: Vec<Made<'s>> = Vec::with_capacity(plan.steps.len());
    let mut variable: Option<VecVariable<'s, Moment, Rec, Weight>> = None;
    let mut settled = vec![];
    for step in plan.steps {
        settled.push(matches!(step, Step::Distinct(_) | Step::Reduce { .. }));
        let rows = |step: StepId| made[step].rows.clone();
        // An index is only ever read through the step that made it.
        let keyed = |step: StepId| made[step].keyed.clone().unwrap_or_else(|| by_hash(rows(step)));
        let mut arranged = None;
        let rows = match step {
            Step::Start(seeds) => {
                let (handle, rows) = VecVariable::new_from(rows(seeds), Product::new(0, 1));
                variable = Some(handle);
                rows
            }
            Step::Enter(port) => entered[port].clone(),
            Step::FlatMap { input, logic } => rows(input).flat_map(move |rec| {
                let mut out = Vec::new();
                logic(&rec, &mut |rec| out.push(rec));
                out
            }),
            Step::Negate(input) => rows(input).negate(),
            Step::Concat(inputs) => {
                differential_dataflow::collection::concatenate(scope, inputs.into_iter().map(rows))
            }
            Step::Arrange { input, key } => {
                arranged = Some(arrange(rows(input), key));
                rows(input)
            }
            Step::Join { left, right, logic } => join(keyed(left), keyed(right), logic, met),
            Step::Semijoin { left, right, anti } => {
                let present = Rec::new(());
                let keys = reduce(keyed(right), move |_, out| out.push((present.clone(), 1)), met);
                let with = join(keyed(left), keys, Box::new(|rec, _, emit| emit(rec.clone())), met);
                if anti { rows(left).concat(with.negate()) } else { with }
            }
            Step::Distinct(input) => {
                let distinct = |group: &ErasedGroup<'_>, out: &mut Vec<(Rec, Weight)>| {
                    let there = group.iter().filter(|(_, weight)| *weight > 0);
                    out.extend(there.map(|(rec, _)| ((*rec).clone(), 1)));
                };
                unkeyed(reduce(by_hash(rows(input)), distinct, met))
            }
            Step::Reduce { input, logic } => {
                let said = move |group: &ErasedGroup<'_>, out: &mut Vec<(Rec, Weight)>| {
                    logic(group, &mut |rec| out.push((rec, 1)));
                };
                unkeyed(reduce(keyed(input), said, met))
            }
            Step::Differential { input, logic } => logic(rows(input)),
        };
        made.push(Made { rows, keyed: arranged });
    }
    let mut result = made.swap_remove(plan.result).rows;
    if let Some(variable) = variable {
        if !settled[plan.result] {
            // Changes that cancel must not go round for ever.
            result = unkeyed(by_hash(result));
        }
        variable.set(result.clone());
    }
    result
}

fn arrange<'s>(rows: Rows<'s>, key: Box<dyn Fn(&Rec) -> u128>) -> Keyed<'s> {
    rows.map(move |rec| (key(&rec), rec)).arrange_by_key()
}

fn by_hash(rows: Rows<'_>) -> Keyed<'_> {
    arrange(rows, Box::new(|rec| u128::from(rec.hash())))
}

fn unkeyed(keyed: Keyed<'_>) -> Rows<'_> {
    keyed.as_collection(|_, rec| rec.clone())
}

fn join<'s>(left: Keyed<'s>, right: Keyed<'s>, logic: PairLogic, met: &Met) -> Rows<'s> {
    let met = Met::clone(met);
    left.join_core(right, move |_, a, b| {
        met.set(met.get() + 1);
        let mut out = Vec::new();
        logic(a, b, &mut |rec| out.push(rec));
        out
    })
}

fn reduce<'s>(
    input: Keyed<'s>,
    logic: impl Fn(&ErasedGroup<'_>, &mut Vec<(Rec, Weight)>) + 'static,
    met: &Met,
) -> Keyed<'s> {
    let met = Met::clone(met);
    // One closure type for all, so that the operator is compiled once.
    let logic: Choice = Box::new(logic);
    input.reduce_abelian::<_, ValBuilder<u128, Rec, Moment, Weight>, Spine, _, _>(
        "reduce",
        move |_, group, out| {
            met.set(met.get() + group.len() as u64);
            logic(group, out);
        },
        |batch, key, updates| {
            batch.clear();
            batch.extend(updates.drain(..).map(|(rec, time, weight)| ((*key, rec), time, weight)));
        },
    )
}
