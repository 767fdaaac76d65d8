# SPDX-License-Identifier: Apache-2.0
"""References that Fettle is compared with: each is somebody else's program or a second reading of a definition."""
