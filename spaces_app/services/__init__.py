"""What the page and the API may do, without gradio. Panels and endpoints call these services and nothing below them."""

from __future__ import annotations

from plugins._discovery import Found, discover
from spaces_app.services.checks import CheckService
from spaces_app.services.compare import CompareService
from spaces_app.services.hf_jobs import HfJobsService
from spaces_app.services.hub import HubService
from spaces_app.services.models import ModelService
from spaces_app.services.operator import OperatorService
from spaces_app.services.pictures import PictureDecoder
from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.run_table import RunTableService
from spaces_app.services.runs import RunService
from spaces_app.services.sent import SentData
from spaces_app.services.sweeps import SweepService
from spaces_app.services.tour import TourService
from spaces_app.services.worker import Worker
from spaces_app.settings import Settings
from training.data.images.decode import decode_files_with
from training.home import is_shared
from training.runs.forkserver import WarmProcess
from training.runs.queue import child_environment


class Services:
    """The services of one server."""

    def __init__(self, settings: Settings, found: list[Found] | None = None):
        self.settings = settings
        self.plugins = PluginCatalog(discover() if found is None else found)
        self._warm = WarmProcess(["prefork"], child_environment())
        worker = Worker(self._warm)
        self.checks = CheckService(settings, self.plugins, worker)
        self.runs = RunService(settings, self.plugins, self.checks, self._warm)
        self._decoder = PictureDecoder(Worker(self._warm))
        self.run_table = RunTableService(settings, self.plugins, self.runs)
        self.compare = CompareService(self.plugins, self.runs)
        self.sweeps = SweepService(settings, self.plugins, self.runs, self.checks)
        self.operator = OperatorService(settings, self.runs)
        self.models = ModelService(self.plugins, self.runs, worker)
        self.sent = SentData(settings)
        self.tour = TourService(self.plugins, self.models)
        self.hub = HubService(self.plugins, self.runs, self.models)
        self.hf_jobs = HfJobsService(self.runs)

    def start(self) -> None:
        """Start working the queue, and in the background prepare for the first run and the first prediction."""
        self._warm.warm_up()
        if self._warm.is_alive() or is_shared():  # else each picture would wait for the imports of a new interpreter
            decode_files_with(self._decoder)
        self.runs.start()
        self.models.import_soon()
        self.tour.start()

    def close(self) -> None:
        """Stop the warm process, the trackio dashboard and what is still to be imported; runs go on."""
        decode_files_with(None)
        self.models.close()
        self.tour.close()
        self.run_table.close()
        self._warm.close()
