//! What must hold of every choice, from what a group shows of itself.

use weir_balance::{BackendKey, Checked, Group, Pick, State, View};
use weir_base::Instant;

/// How good a choice a backend is: the worst that speaks against it, and whether it has no weight.
fn against(view: &View<'_>, tried: &[BackendKey]) -> (u8, bool) {
    let reasons = [
        tried.contains(&view.key),
        view.checked == Checked::Unhealthy || view.held_until.is_some(),
        view.checked == Checked::Unproven,
        view.spec.backup,
    ];
    let worst = reasons.iter().position(|reason| *reason).unwrap_or(reasons.len());
    ((reasons.len() - worst) as u8, view.spec.weight == 0)
}

/// Nobody is sent to a backend when there is a better one, and everybody is sent somewhere.
pub(crate) fn at_pick(group: &Group, now: Instant, pick: &Pick, tried: &[BackendKey]) {
    let views = || group.iter(now).filter(|view| !view.removed);
    let picked = views().find(|view| view.key == pick.key).expect("it was not removed");
    let chosen = against(&picked, tried);
    if let Some(better) = views().find(|view| against(view, tried) < chosen) {
        panic!("at {now:?} {picked:?} was chosen, not {better:?}");
    }
    assert_eq!(pick.fail_open, chosen.0 >= 3);
}

/// What a group says of all is what it says of each.
pub(crate) fn at_group(group: &Group, now: Instant) {
    let views: Vec<_> = group.iter(now).filter(|view| !view.removed).collect();
    for view in &views {
        let down = view.state == State::Down || view.checked == Checked::Unhealthy || view.ejected;
        assert_eq!(view.is_available(), !down);
        assert_eq!(group.key_of(&view.spec.id), Some(view.key));
    }
    assert_eq!(group.is_out(), views.iter().all(|view| !view.is_available()));
}

/// One more was ejected: still not more than may be.
pub(crate) fn at_ejection(group: &Group, now: Instant, most_percent: u8) {
    let views = || group.iter(now).filter(|view| !view.removed);
    let ejected = views().filter(|view| view.ejected).count();
    assert!(ejected * 100 <= views().count() * usize::from(most_percent), "{ejected} are ejected");
}
