// What scrolls sideways is reached by Tab, so that arrow keys can scroll it; what does not, is no stop on the way.
function reachable() {
  for (const box of document.querySelectorAll("pre, .table-wrapper, .output, .math-wrapper")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
addEventListener("load", reachable);
addEventListener("resize", reachable);
