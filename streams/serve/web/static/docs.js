// "Try it" of the API page: sends what the fields say, with the rights of whoever looks at the page.
(() => {
  "use strict";
  const MOST = 20000; // characters of an answer that are shown

  const request = (form) => {
    let path = form.dataset.path;
    const query = new URLSearchParams();
    const headers = {};
    for (const field of form.querySelectorAll("[data-in]")) {
      const value = field.value.trim();
      if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
      else if (value && field.dataset.in === "query") query.append(field.name, value);
      else if (value) headers[field.name] = value;
    }
    const body = form.querySelector("[name=body]");
    if (body) headers["Content-Type"] = "application/json";
    const asked = query.toString();
    return [path + (asked ? `?${asked}` : ""), { method: form.dataset.method, headers, body: body ? body.value : undefined }];
  };

  const readable = (text) => {
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  };

  const show = (form, first, text) => {
    const output = form.querySelector("output");
    const [line, answer] = [document.createElement("p"), document.createElement("pre")];
    line.textContent = first;
    answer.textContent = text.length > MOST ? `${text.slice(0, MOST)}\n… ${text.length - MOST} more characters` : text;
    answer.tabIndex = 0;
    output.replaceChildren(line, answer);
  };

  for (const form of document.querySelectorAll("form.try")) {
    const button = form.querySelector("button");
    if (!button) continue;
    button.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const [address, options] = request(form);
      button.disabled = true;
      try {
        const begun = performance.now();
        const answer = await fetch(address, options);
        const text = await answer.text();
        show(form, `${options.method} ${address}: ${answer.status} ${answer.statusText}, ${Math.round(performance.now() - begun)} ms`, readable(text));
      } catch (error) {
        show(form, `${options.method} ${address}`, `no answer: ${error.message}`);
      } finally {
        button.disabled = false;
      }
    });
  }
})();
