// Prints, for `run`, whether a call of a client passes.

/** Makes the call; a call that throws an error fails. */
async function call(client, name, attempt) {
  let error = null;
  try {
    await attempt();
  } catch (failure) {
    const answer = failure.response ? ` ${JSON.stringify(failure.response.data)}` : "";
    error = `${failure.name}: ${failure.message}${answer}`.slice(0, 300);
  }
  console.log(JSON.stringify({ client, call: name, error }));
}

/** Throws an error that shows what was seen, unless the condition is true. */
function check(condition, seen) {
  if (!condition) throw new Error(JSON.stringify(seen));
}

module.exports = { call, check };
