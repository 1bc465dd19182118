// Walks with the functions of interactive-brokers-mcp through a gateway; see the Python test.
// Arguments: folder of its `dist`, base URL, account.
import net from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";

// No connection to another host.
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  const host = options?.host ?? "localhost";
  if (!["localhost", "127.0.0.1", "::1"].includes(host)) throw new Error(`not ${host}`);
  return connect.apply(this, args);
};

const [dist, baseUrl, account] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.join(dist, name)).href);
const { Agent } = await import(
  pathToFileURL(path.join(dist, "../../node_modules/undici/index.js")).href
).then((module) => module.default ?? module);
const { HttpClient } = await load("http.js");
const { getAccountInfo, getPositions } = await load("ib-client/accounts.js");
const { getMarketData } = await load("ib-client/market-data.js");
const { getOptionChain, resolveOptionConid } = await load("ib-client/options.js");
const { placeOrder, confirmOrder, getOrderStatus, getOrders } = await load("ib-client/orders.js");

const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
const client = new HttpClient({ baseUrl, timeout: 30000, dispatcher });
const found = {};
found.accounts = (await getAccountInfo(client)).accounts.map((each) => each.id);
found.positions = (await getPositions(client, account)).map((each) => each.conid);
const order = { accountId: account, symbol: "AAPL", action: "BUY", orderType: "LMT" };
const ticket = { ...order, quantity: 3, price: 10 };
found.early = await placeOrder(client, ticket).catch((error) => error.message);
found.orders = (await getOrders(client)).orders;
found.quote = (await getMarketData(client, "AAPL")).contract.conid;
found.chain = (await getOptionChain(client, "AAPL")).expirations.length;
found.option = (await resolveOptionConid(client, "AAPL", "MAR27", 204, "C")).option.symbol;
const [question] = await placeOrder(client, ticket);
const [placed] = await confirmOrder(client, question.id, question.messageIds);
found.placed = placed.order_id;
found.status = await getOrderStatus(client, placed.order_id).catch((error) => error.message);
found.limit = (await getOrders(client)).orders[0].price;
console.log("\n" + JSON.stringify(found));
process.exit(0);
