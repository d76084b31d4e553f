// Runs before the first paint, so that a page never flashes in the theme that its reader did not choose.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // storage is closed: the system's theme stays
}
