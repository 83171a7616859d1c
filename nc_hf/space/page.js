// What the page does by itself: where the eye and the focus go when something happens.
const { classList } = document.documentElement;
if (/[?&](result|model)=/.test(location.search)) classList.add("asked-for", "opened");
window.nc_hf = {
  // The card of a token, as soon as it has come.
  card(id, tries = 200) {
    const card = document.getElementById(id) || document.querySelector("#token .message");
    if (card) attendTo(card, "center");
    else if (tries) setTimeout(() => this.card(id, tries - 1), 50);
  },
  // When a job starts: its status, as soon as it says something; what is empty takes no focus.
  watch(statusId, tries = 200) {
    const status = document.getElementById(statusId);
    classList.add("asked-for");
    classList.remove("opened");
    if (status.textContent.trim()) attendTo(status, "center");
    else if (tries) setTimeout(() => this.watch(statusId, tries - 1), 50);
  },
  // When it ends: its result, or the status that says why there is none. Gradio may draw either a moment later.
  attend(statusId, resultId, tries = 200) {
    const status = document.getElementById(statusId);
    const heading = document.querySelector(`#${resultId} h2`);
    if (heading && heading.offsetParent) attendTo(heading, "start");
    else if (tries && !status.querySelector(".message")) setTimeout(() => this.attend(statusId, resultId, tries - 1), 50);
    else attendTo(status, "center");
  },
};

// A button that copies says that it did.
addEventListener("click", async ({ target }) => {
  const button = target.closest?.("button[data-copy]");
  if (!button) return;
  const said = button.nextElementSibling;
  said.textContent = await navigator.clipboard.writeText(button.dataset.copy).then(
    () => "Copied", () => `Copy it yourself: ${button.dataset.copy}`,
  );
});

function attendTo(element, block) {
  requestAnimationFrame(() => {
    element.tabIndex = -1;
    element.focus({ preventScroll: true });
    const { top, bottom } = element.getBoundingClientRect();
    const seen = top >= 0 && bottom <= innerHeight * (block === "start" ? 0.6 : 0.85); // it may grow
    if (!seen) element.scrollIntoView({ block });
  });
}
