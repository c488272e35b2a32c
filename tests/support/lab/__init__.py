"""A small network in namespaces, with real peers, for tests, the demo and benchmarks.

Standard library only; runs with Debian's /usr/bin/python3.

sandbox   private mount, network and process namespaces around the whole run: nothing is left behind
wait      waiting for events with a deadline
process   a child process with its log
net       network namespaces, veth pairs, hosts
switch    the lifeline process and its tools
peers     controllers, DHCP server and client, router
openflow  a controller of our own that counts, asks and attacks
topology  the set-ups of the tests
case      unittest base class
runner    runs test modules, in parallel, and counts
"""
