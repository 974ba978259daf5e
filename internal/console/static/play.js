// Shows mails in their frames without a press of the button that does it where there is no script.
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.submit();
  form.hidden = true;
}
