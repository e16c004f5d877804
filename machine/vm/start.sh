#!/bin/bash
# Start JupyterLab in the Vagrant machine, at every `vagrant up`, and wait until it answers.
#
# The service starts by itself at boot as well, but Vagrant mounts /vagrant later on. The URL is printed by the
# Vagrantfile, since only the host knows the port that it forwards.

set -euo pipefail

systemctl restart byhand-lab.service
for _ in $(seq 60); do
    if /usr/bin/python3 -c 'import urllib.request as r; r.urlopen("http://127.0.0.1:8888/api", timeout=5)' 2>/dev/null; then
        echo "JupyterLab answers"
        exit 0
    fi
    sleep 1
done
echo "JupyterLab does not answer on port 8888 of the machine" >&2
echo "hint: vagrant ssh -c 'sudo journalctl -u byhand-lab'" >&2
exit 1
